"""Evaluates a translated template like CloudFormation, without AWS: conditions, references and substitutions."""

import re

NOTHING = object()
PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-central-1",
    "AWS::StackName": "stack",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::NoValue": NOTHING,
}


class Deployed:
    """The resources and outputs of a translated template with these parameters.

    An attribute of a resource becomes `<Name.Attribute>`. A reference to something that does not exist raises
    `KeyError`.
    """

    def __init__(self, template: dict, parameters: dict[str, str]) -> None:
        self._conditions = template.get("Conditions", {})
        defaults = {name: each["Default"] for name, each in template["Parameters"].items() if "Default" in each}
        self._values = PSEUDO | defaults | parameters
        for name, each in template["Parameters"].items():
            if each["Type"] == "CommaDelimitedList" and name in self._values:
                self._values[name] = self._values[name].split(",")
        self._names = {
            name for name, each in template["Resources"].items() if self._holds(each.get("Condition"))
        }
        self.resources = self._section(template["Resources"])
        self.outputs = {name: each["Value"] for name, each in self._section(template["Outputs"]).items()}

    def _section(self, section: dict) -> dict:
        there = {name: each for name, each in section.items() if self._holds(each.get("Condition"))}
        return {name: self.resolve(each) for name, each in there.items()}

    def _holds(self, condition: object) -> bool:
        if condition is None:
            return True
        if isinstance(condition, str):
            return self._holds(self._conditions[condition])
        ((function, given),) = condition.items()
        match function:
            case "Condition":
                return self._holds(given)
            case "Fn::Not":
                return not self._holds(given[0])
            case "Fn::And":
                return all(map(self._holds, given))
            case "Fn::Or":
                return any(map(self._holds, given))
            case "Fn::Equals":
                first, second = map(self.resolve, given)
                return str(first) == str(second)
        raise KeyError(function)

    def _name(self, name: str) -> object:
        if name in self._values:
            return self._values[name]
        resource = name.split(".", 1)[0]
        if resource not in self._names:
            raise KeyError(f"{name} is referred to, and is not there")
        return f"<{name}>"

    def _substituted(self, text: str, variables: dict) -> str:
        own = self.resolve(variables)

        def value(match: re.Match) -> str:
            return str(own[match[1]] if match[1] in own else self._name(match[1]))

        return re.sub(r"\$\{([^!}]+)\}", value, text)

    def resolve(self, value: object) -> object:
        if isinstance(value, list):
            return [each for each in map(self.resolve, value) if each is not NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((function, given),) = value.items()
            match function:
                case "Ref":
                    return self._name(given)
                case "Fn::GetAtt":
                    return self._name(given if isinstance(given, str) else ".".join(given))
                case "Fn::If":
                    return self.resolve(given[1] if self._holds(given[0]) else given[2])
                case "Fn::Join":
                    return given[0].join(map(str, self.resolve(given[1])))
                case "Fn::Split":
                    return self.resolve(given[1]).split(given[0])
                case "Fn::Select":
                    return self.resolve(given[1])[int(given[0])]
                case "Fn::Sub":
                    return self._substituted(*given) if isinstance(given, list) else self._substituted(given, {})
        resolved = {name: self.resolve(each) for name, each in value.items()}
        return {name: each for name, each in resolved.items() if each is not NOTHING}
