import pytest

from ic_tools.cli import main


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ("", "the following arguments are required: command"),
        ("exprot", "invalid choice: 'exprot'"),
        ("export efficientnet-lite0", "required: --out"),
        ("export --out o", "name a model, or give --checkpoint"),
        ("export resnet18 --out o", "resnet18 needs --weights FILE or --download"),
        ("export resnet18 --weights w --download --out o", "not allowed with"),
        ("export efficientnet-lite0 --download --out o", "come with requirements.txt"),
        ("export resnet18 --download --labels l --crop 9 --out o", "--labels, --crop can only"),
        ("export --checkpoint c --out o", "also needs --arch and --labels"),
        ("export --checkpoint c --arch resnet18 --out o", "also needs --labels"),
        ("export resnet18 --checkpoint c --arch a --labels l --out o", "together with resnet18"),
        ("export --checkpoint c --arch a --labels l --download --out o", "with --download"),
        ("export --checkpoint c --arch nonesuch --labels l --out o", "no architecture 'nonesuch'"),
        ("export --checkpoint none --arch resnet18 --labels l --out o", "none"),
        ("export --checkpoint c --arch a --labels l --crop 0 --out o", "'0' is not a number of"),
        ("export --checkpoint c --arch a --labels l --mean 1 2 --out o", "expected 3 arguments"),
        ("verify", "required: DIR"),
    ],
)
def test_wrong_arguments_are_one_line_and_status_1(arguments, fault, capsys):
    assert main(arguments.split()) == 1
    message = capsys.readouterr().err
    assert fault in message
    assert message.startswith("ic_tools: ") and message.count("\n") == 1
