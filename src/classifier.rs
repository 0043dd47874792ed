//! Classifies or embeds an image: decodes it with [`upright`], runs the [`crate::model`], and measures each step.

mod cache;
mod embedding;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use self::cache::{Asked, Cache, Entry};
use crate::config::Config;
use crate::error::{Error, StartError};
use crate::model::{Bundle, Card, Function, Level, Model, Prediction, RunTimes, Runtime};
use upright::Format;

pub use embedding::Embedding;

/// What a request wants to see of the scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// How many labels, 1 or more; more than there are classes gives all.
    pub top_k: usize,
    /// Leave out labels whose score is lower.
    pub min_score: f32,
    /// What makes scores of logits; what the model is for if it is `None`.
    pub function: Option<Function>,
    /// Whether classes are answered, or their categories.
    pub level: Level,
    /// Whether each label has a heat map.
    pub explain: bool,
}

/// The answer for one image.
#[derive(Clone, Debug)]
pub struct Classification {
    /// Highest score first, ties by class id.
    pub predictions: Vec<Prediction>,
    /// What the image is.
    pub image: ImageInfo,
    /// Where the time went.
    pub timing: Timing,
    /// The image had been seen before, and the answer is from memory.
    pub cached: bool,
}

/// What an image is, by its own bytes.
#[derive(Clone, Copy, Debug, serde::Serialize, utoipa::ToSchema)]
#[schema(as = ImageInfo)]
pub struct ImageInfo {
    /// Format by the magic bytes.
    #[schema(schema_with = formats)]
    #[serde(serialize_with = "format_name")]
    pub format: Format,
    /// Width of the upright image in pixels.
    #[schema(minimum = 1)]
    pub width: u32,
    /// Height of the upright image in pixels.
    #[schema(minimum = 1)]
    pub height: u32,
}

/// The names of all formats.
fn formats() -> utoipa::openapi::Object {
    let names = Format::ALL.iter().map(|format| format.name());
    utoipa::openapi::ObjectBuilder::new()
        .schema_type(utoipa::openapi::Type::String)
        .description(Some("Format by the magic bytes."))
        .enum_values(Some(names))
        .build()
}

fn format_name<S: serde::Serializer>(format: &Format, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(format.name())
}

/// Milliseconds of each step.
#[derive(Clone, Copy, Debug, Default, serde::Serialize, utoipa::ToSchema)]
pub struct Timing {
    /// Bytes to upright RGB pixels.
    pub decode: f64,
    /// Resize, crop and normalise.
    pub preprocess: f64,
    /// ONNX Runtime.
    pub inference: f64,
    /// All of it.
    pub total: f64,
    /// When the decoding began; `None` where the image was remembered. For traces.
    #[serde(skip)]
    pub(crate) began: Option<Instant>,
}

/// A loaded model with the limits of what it is fed.
pub struct Classifier {
    model: Model,
    limits: upright::Limits,
    runtime_version: String,
    cache: Option<Cache>,
    /// Images that were explained, with their feature maps.
    explained: Option<Cache>,
}

/// Images whose heat maps are remembered, at most: each takes 4 bytes for each number of its feature map, which are 250
/// kB for the committed model.
const EXPLAINED_ENTRIES: usize = 16;

impl Classifier {
    /// Loads ONNX Runtime and the model, for so many runs at the same time.
    ///
    /// # Errors
    ///
    /// A [`StartError`] that names the file and what is wrong with it.
    pub fn load(config: &Config, concurrency: usize) -> Result<Self, StartError> {
        let start = Instant::now();
        let (runtime, bundle, library_ms) = thread::scope(|scope| {
            let bundle = scope.spawn(|| Bundle::read(&config.model_dir, config.model_file.as_deref()));
            let runtime = Runtime::load(&config.ort_dylib_path);
            let library_ms = milliseconds(start.elapsed());
            (runtime, bundle.join(), library_ms)
        });
        let runtime = runtime?;
        let bundle = bundle.map_err(|_| StartError::Bundle("reading the bundle failed".to_owned()))??;
        let model = Model::load(&runtime, bundle, config.intra_threads, concurrency, &config.deny_labels)?;
        tracing::info!(
            model = model.card().name,
            sha256 = model.card().sha256,
            classes = model.classes(),
            onnxruntime = runtime.version(),
            library_ms,
            total_ms = milliseconds(start.elapsed()),
            "model loaded"
        );
        Ok(Self {
            model,
            limits: upright::Limits { max_pixels: config.limits.max_pixels },
            runtime_version: runtime.version().to_owned(),
            cache: None,
            explained: None,
        })
    }

    /// The same, remembering what so many images were; 0 remembers none.
    pub fn remembering(mut self, entries: usize) -> Self {
        let cache = |entries| {
            NonZeroUsize::new(entries).map(|entries| Cache::new(entries, &self.model.card().sha256))
        };
        (self.cache, self.explained) = (cache(entries), cache(entries.min(EXPLAINED_ENTRIES)));
        self
    }

    /// The model itself.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Name, hash, licence and source of the model.
    pub fn card(&self) -> &Card {
        self.model.card()
    }

    /// Number of classes, 1 or more.
    pub fn classes(&self) -> usize {
        self.model.classes()
    }

    /// The class with this WordNet id.
    pub fn class_of_wnid(&self, wnid: &str) -> Option<usize> {
        self.model.labels().class_of_wnid(wnid)
    }

    /// Width and height of the model's input, in pixels.
    pub fn input_size(&self) -> (u32, u32) {
        self.model.input_size()
    }

    /// Version of ONNX Runtime's library.
    pub fn runtime_version(&self) -> &str {
        &self.runtime_version
    }

    /// The pixels that the images of one request may have together.
    pub fn budget(&self) -> upright::Budget {
        self.limits.budget()
    }

    /// Classifies one image. This is work for a processor: call it off the async threads.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the image, [`Error::InvalidParameter`] if the model cannot have the function, or
    /// [`Error::Internal`].
    pub fn classify(
        &self,
        bytes: &[u8],
        options: Options,
        budget: &mut upright::Budget,
    ) -> Result<Classification, Error> {
        let start = Instant::now();
        let scoring = self.model.scoring(options.function, options.level)?;
        let asked = if options.explain { Asked::Explained } else { Asked::Outputs };
        let Seen { entry, mut timing, cached } = self.see(asked, bytes, budget)?;
        let evidence = entry.evidence.as_ref();
        let Options { top_k, min_score, .. } = options;
        let predictions = self.model.rank_explained(&entry.values, scoring, top_k, min_score, evidence)?;
        timing.total = milliseconds(start.elapsed());
        Ok(Classification { predictions, image: entry.image, timing, cached })
    }

    /// What the model answers for an image: from memory, or by a run. `total` of the times is left to the caller.
    fn see(&self, asked: Asked, bytes: &[u8], budget: &mut upright::Budget) -> Result<Seen, Error> {
        let cache = if asked == Asked::Explained { &self.explained } else { &self.cache };
        let key = cache.as_ref().map(|cache| (cache, cache.key(asked, bytes)));
        if let Some(entry) = key.as_ref().and_then(|(cache, key)| cache.get(key)) {
            return Ok(Seen { entry, timing: Timing::default(), cached: true });
        }
        let (entry, timing) = self.look_at(asked, bytes, budget)?;
        let entry = Arc::new(entry);
        if let Some((cache, key)) = key {
            cache.put(key, Arc::clone(&entry));
        }
        Ok(Seen { entry, timing, cached: false })
    }

    /// Decodes an image and runs the model on it. `total` of the times is left to the caller.
    fn look_at(
        &self,
        asked: Asked,
        bytes: &[u8],
        budget: &mut upright::Budget,
    ) -> Result<(Entry, Timing), Error> {
        let start = Instant::now();
        let picture =
            upright::decode_within(bytes, budget, &|width, height| self.model.scaled_size(width, height))?;
        let decode = milliseconds(start.elapsed());
        let mut evidence = None;
        let (values, RunTimes { preprocess, inference }) = match asked {
            Asked::Outputs => self.model.outputs(&picture.raster)?,
            Asked::Embedding => self.model.timed_embedding(&picture.raster)?,
            Asked::Explained => {
                let (outputs, found, times) = self.model.explained(&picture.raster)?;
                evidence = Some(found);
                (outputs, times)
            }
        };
        let (width, height) = picture.raster.size();
        let image = ImageInfo { format: picture.format, width, height };
        let timing = Timing {
            decode,
            preprocess: milliseconds(preprocess),
            inference: milliseconds(inference),
            total: 0.0,
            began: Some(start),
        };
        Ok((Entry { values, image, evidence }, timing))
    }
}

/// What the model answered for an image.
struct Seen {
    entry: Arc<Entry>,
    timing: Timing,
    /// It is from memory.
    cached: bool,
}

/// A time in milliseconds, to the microsecond: what a clock says beyond that is noise.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
