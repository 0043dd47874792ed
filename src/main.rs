//! Runs the Lambda function, the local server or a command.

use std::process::ExitCode;

use lambda_image_classifier::cli::{self, Arguments, Command};
use lambda_image_classifier::{Config, StartError, config, lambda, server, telemetry};
use mimalloc::MiMalloc;

/// ONNX Runtime uses this allocator, too: its library resolves `malloc` to the program's version before
/// glibc's.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    config::prepare_environment();
    let arguments = Arguments::read();
    telemetry::init(&arguments.settings.logging());
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            telemetry::fatal(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode, StartError> {
    if arguments.version {
        return Ok(cli::version::run(&arguments.settings));
    }
    let config = Config::from_settings(&arguments.settings)?;
    match &arguments.command {
        Some(Command::Classify(classify)) => cli::classify::run(&config, classify),
        Some(Command::Batch(batch)) => cli::batch::run(&config, batch),
        Some(Command::Evaluate(evaluate)) => cli::evaluate::run(&config, evaluate),
        Some(Command::Train(train)) => cli::train::run(&config, train),
        Some(Command::Health(health)) => cli::health::run(&config, health),
        None if config.lambda.is_some() => lambda::run(&config).map(|()| ExitCode::SUCCESS),
        None | Some(Command::Serve) => server::run(&config).map(|()| ExitCode::SUCCESS),
    }
}
