//! Benchmarks the stages of one classification: `cargo bench --bench stages`. `LARGE_PHOTO=FILE` adds a photo
//! of your own.

#![allow(clippy::expect_used)]

mod common;

use std::fs;

use criterion::{Criterion, criterion_group, criterion_main};
use lambda_image_classifier::model::{Layout, Level};
use upright::{Limits, decode_within};

const LIMITS: Limits = Limits { max_pixels: 64_000_000 };

fn stages(criterion: &mut Criterion) {
    let (_, classifier) = common::load();
    let model = classifier.model();
    let mut photos = vec![("500x375", common::photo())];
    if let Some(path) = std::env::var_os("LARGE_PHOTO") {
        photos.push(("large", fs::read(path).expect("LARGE_PHOTO")));
    }
    let target = |width: u32, height: u32| model.scaled_size(width, height);
    let mut group = criterion.benchmark_group("stages");
    for (name, bytes) in &photos {
        let decode = |target| decode_within(bytes, &mut LIMITS.budget(), target).expect("a photo").raster;
        group.bench_function(format!("decode {name}"), |bencher| bencher.iter(|| decode(&target)));
        group.bench_function(format!("decode {name} whole"), |bencher| {
            bencher.iter(|| decode(&|width, height| (width, height)));
        });
        let raster = decode(&target);
        group.bench_function(format!("resize {name}"), |bencher| {
            bencher.iter(|| model.preprocessor().resize(&raster).expect("pixels"));
        });
    }
    let raster = decode_within(&photos[0].1, &mut LIMITS.budget(), &target).expect("a photo").raster;
    let pixels = model.preprocessor().resize(&raster).expect("pixels");
    group.bench_function("tensor", |bencher| {
        bencher.iter(|| model.preprocessor().normalise(&pixels, Layout::Nchw));
    });
    let tensor = model.preprocessor().normalise(&pixels, Layout::Nchw);
    group.bench_function("run", |bencher| {
        bencher.iter(|| model.session().run(&tensor, model.input_size()).expect("a run"));
    });
    let outputs = model.session().run(&tensor, model.input_size()).expect("a run");
    for level in Level::ALL {
        let scoring = model.scoring(None, level).expect("a model with categories");
        group.bench_function(format!("rank {}", level.name()), |bencher| {
            bencher.iter(|| model.rank(&outputs, scoring, 3, 0.0).expect("predictions"));
        });
    }
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);
