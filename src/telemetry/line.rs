//! A request's line of the log. The formatters quote and escape strings, so that none can break it.

use super::record::{Found, Image, Record, Refusal};

/// Writes the line; and where a request holds several images, one for each that has no labels. Those for the others
/// are written at the level `debug`: a line a request is what is paid for.
pub(super) fn write(record: &Record) {
    let several = record.images.len() > 1;
    if several {
        for (index, image) in record.images.iter().enumerate() {
            write_image(&record.request_id, index, image);
        }
    }
    // What there is one of is told of the one image; the times are those of all.
    let one = if several { None } else { record.images.first() };
    let found = one.and_then(|image| image.outcome.as_ref().ok());
    let refused = record.images.iter().filter(|image| image.outcome.is_err()).count();
    let times = record.times();
    let path = record.path.as_deref().filter(|_| record.route.is_none());
    let is_answered = record.found().next().is_some();
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                request_id = &*record.request_id,
                trace_id = record.trace_id.map(|id| id.to_string()),
                xray_trace_id = record.xray_trace_id,
                cold_start = record.cold_start,
                method = record.method,
                route = record.route,
                path,
                status = record.status,
                code = record.code,
                cause = record.cause,
                bytes = record.bytes,
                images = several.then_some(record.images.len()),
                refused = several.then_some(refused),
                file_name = one.and_then(|image| image.file_name.as_deref()),
                format = found.map(|found| found.format),
                width = found.map(|found| found.width),
                height = found.map(|found| found.height),
                label = label(found),
                score = score(found),
                cache_hit = is_answered.then(|| record.cache_hits() == record.images.len()),
                body_ms = record.body_ms,
                queue_ms = record.queue_ms,
                storage_ms = record.storage_ms,
                decode_ms = times.map(|times| times.decode),
                preprocess_ms = times.map(|times| times.preprocess),
                inference_ms = times.map(|times| times.inference),
                total_ms = record.total_ms,
                "request"
            )
        };
    }
    match record.status {
        // A shortage, which ends by itself.
        503 => line!(warn),
        500.. => line!(error),
        _ => line!(info),
    }
}

fn write_image(request_id: &str, index: usize, image: &Image) {
    let file_name = image.file_name.as_deref();
    match &image.outcome {
        Err(Refusal { status, code, cause }) if *status >= 500 => {
            tracing::error!(request_id, index, file_name, status, code, cause, "image");
        }
        Err(Refusal { status, code, cause }) => {
            tracing::info!(request_id, index, file_name, status, code, cause, "image");
        }
        Ok(found) => {
            let Found { format, width, height, cached, .. } = found;
            let (label, score) = (label(Some(found)), score(Some(found)));
            tracing::debug!(
                request_id, index, file_name, format, width, height, label, score, cached, "image"
            );
        }
    }
}

fn label(found: Option<&Found>) -> Option<&str> {
    found?.best.as_ref().map(|(label, _)| label.as_str())
}

/// To six digits: the model has no more to say.
fn score(found: Option<&Found>) -> Option<f64> {
    found?.best.as_ref().map(|(_, score)| (score * 1e6).round() / 1e6)
}
