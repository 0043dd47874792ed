//! The `meta` box: the items of the file, their properties, and the location of their bytes (ISO/IEC 23008-12
//! and 14496-12).

use super::super::Format;
use super::boxes::{Fields, boxes};
use crate::error::Error;

/// Maximum number of items in a file. Each lookup searches all of them.
const MAX_ITEMS: usize = 10_000;

/// Maximum number of associations between items and properties, for the same reason.
const MAX_ASSOCIATIONS: usize = 100_000;

/// The properties that are supported or may be ignored. `clap` crops the image; Pillow and libavif leave the
/// crop to their caller, so it is ignored here as well.
const KNOWN: [[u8; 4]; 13] = [
    *b"ispe", *b"pixi", *b"av1C", *b"colr", *b"irot", *b"imir", *b"clap", *b"pasp", *b"auxC", *b"clli",
    *b"mdcv", *b"rloc", *b"a1lx",
];

/// The parsed contents of `meta`.
pub(super) struct Meta<'a> {
    pub(super) file: &'a [u8],
    /// The id of the primary item, which is the picture.
    pub(super) primary: u32,
    idat: &'a [u8],
    kinds: Vec<(u32, [u8; 4])>,
    places: Vec<Place<'a>>,
    references: Vec<Reference>,
    properties: Vec<([u8; 4], &'a [u8])>,
    /// The id of an item, the index of one of its properties in `properties`, and whether a reader must
    /// understand the property.
    associations: Vec<(u32, usize, bool)>,
}

/// The location of an item's bytes.
struct Place<'a> {
    item: u32,
    method: u16,
    base: u64,
    /// Size in bytes of an extent's index, offset and length.
    sizes: [usize; 3],
    extents: &'a [u8],
}

/// A reference from one item to others.
struct Reference {
    kind: [u8; 4],
    from: u32,
    to: Vec<u32>,
}

impl<'a> Meta<'a> {
    pub(super) fn read(file: &'a [u8]) -> Result<Self, Error> {
        // A file without `meta` cannot be read; assume that it was cut before this box.
        let meta = boxes(file).find(|found| &found.kind == b"meta" || found.is_cut);
        let meta = meta.filter(|meta| !meta.is_cut).ok_or_else(|| Format::Avif.truncated())?;
        let mut fields = Fields(meta.data);
        fields.version()?;
        let mut meta = Self {
            file,
            primary: 0,
            idat: &[],
            kinds: Vec::new(),
            places: Vec::new(),
            references: Vec::new(),
            properties: Vec::new(),
            associations: Vec::new(),
        };
        let mut has_primary = false;
        for found in boxes(fields.0) {
            if found.is_cut {
                return Err(Format::Avif.corrupt("a box that is larger than the one that it is in"));
            }
            match &found.kind {
                b"pitm" => {
                    let mut fields = Fields(found.data);
                    let (version, _) = fields.version()?;
                    meta.primary = fields.id(version > 0)?;
                    has_primary = true;
                }
                b"idat" => meta.idat = found.data,
                b"iinf" => meta.read_kinds(found.data)?,
                b"iloc" => meta.read_places(found.data)?,
                b"iref" => meta.read_references(found.data)?,
                b"iprp" => meta.read_properties(found.data)?,
                _ => {}
            }
        }
        if !has_primary {
            return Err(Format::Avif.corrupt("no primary item"));
        }
        if meta.kinds.len().max(meta.places.len()) > MAX_ITEMS {
            return Err(Format::Avif.corrupt("more than 10,000 items"));
        }
        if meta.associations.len() > MAX_ASSOCIATIONS {
            return Err(Format::Avif.corrupt("more than 100,000 properties of items"));
        }
        Ok(meta)
    }

    fn read_kinds(&mut self, data: &[u8]) -> Result<(), Error> {
        let mut fields = Fields(data);
        let (version, _) = fields.version()?;
        fields.id(version > 0)?;
        for entry in boxes(fields.0).filter(|entry| &entry.kind == b"infe") {
            let mut fields = Fields(entry.data);
            let (version, _) = fields.version()?;
            // Before version 2, an item has a media type instead of a kind.
            if version >= 2 {
                let id = fields.id(version > 2)?;
                fields.u16()?;
                self.kinds.push((id, fields.u32()?.to_be_bytes()));
            }
        }
        Ok(())
    }

    fn read_places(&mut self, data: &'a [u8]) -> Result<(), Error> {
        let mut fields = Fields(data);
        let (version, _) = fields.version()?;
        let sizes = fields.u16()?;
        let [offset, length, base, index] = [12, 8, 4, 0].map(|shift| usize::from(sizes >> shift & 15));
        let sizes = [if version == 0 { 0 } else { index }, offset, length];
        if version > 2 || sizes.iter().any(|&size| size > 8) || base > 8 {
            return Err(Format::Avif.corrupt("an `iloc` box of an unknown version"));
        }
        for _ in 0..fields.id(version == 2)? {
            let item = fields.id(version == 2)?;
            let method = if version == 0 { 0 } else { fields.u16()? & 15 };
            let elsewhere = fields.u16()? != 0;
            let base = fields.number(base)?;
            let extents = fields.u16()?;
            let extents = fields.bytes(usize::from(extents) * sizes.iter().sum::<usize>())?;
            let method = if elsewhere { u16::MAX } else { method };
            self.places.push(Place { item, method, base, sizes, extents });
        }
        Ok(())
    }

    fn read_references(&mut self, data: &[u8]) -> Result<(), Error> {
        let mut fields = Fields(data);
        let (version, _) = fields.version()?;
        for reference in boxes(fields.0) {
            let mut fields = Fields(reference.data);
            let from = fields.id(version > 0)?;
            let count = fields.u16()?;
            let to = (0..count).map(|_| fields.id(version > 0)).collect::<Result<_, _>>()?;
            self.references.push(Reference { kind: reference.kind, from, to });
        }
        Ok(())
    }

    fn read_properties(&mut self, data: &'a [u8]) -> Result<(), Error> {
        for found in boxes(data) {
            match &found.kind {
                b"ipco" => self.properties.extend(boxes(found.data).map(|found| (found.kind, found.data))),
                b"ipma" => {
                    let mut fields = Fields(found.data);
                    let (version, flags) = fields.version()?;
                    for _ in 0..fields.u32()? {
                        let item = fields.id(version > 0)?;
                        for _ in 0..fields.u8()? {
                            let (bytes, essential) = if flags & 1 == 1 { (2, 0x8000) } else { (1, 0x80) };
                            let both = fields.number(bytes)? as usize;
                            // Numbers begin at 1; 0 means no property.
                            if let Some(index) = (both & (essential - 1)).checked_sub(1) {
                                self.associations.push((item, index, both & essential != 0));
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The four-letter kind of an item.
    pub(super) fn kind(&self, item: u32) -> Option<[u8; 4]> {
        self.kinds.iter().find(|(id, _)| *id == item).map(|(_, kind)| *kind)
    }

    /// The properties of an item, in the order of the file.
    pub(super) fn properties(&self, item: u32) -> impl Iterator<Item = ([u8; 4], Fields<'a>)> {
        let own = self.associations.iter().filter(move |(id, ..)| *id == item);
        own.filter_map(|&(_, index, _)| self.properties.get(index)).map(|&(kind, data)| (kind, Fields(data)))
    }

    /// Fails if an item has a property that a reader must understand but that is not supported.
    pub(super) fn check_properties(&self, item: u32) -> Result<(), Error> {
        let mut own = self.associations.iter().filter(|(id, _, essential)| *id == item && *essential);
        let unknown = own.find_map(|&(_, index, _)| {
            self.properties.get(index).map(|(kind, _)| kind).filter(|kind| !KNOWN.contains(kind))
        });
        match unknown {
            Some(b"a1op" | b"lsel") => Err(Format::unsupported_avif("in layers")),
            Some(kind) => {
                Err(Format::unsupported_avif(&format!("with the property {}", kind.escape_ascii())))
            }
            None => Ok(()),
        }
    }

    /// The items that `from` refers to.
    pub(super) fn references(&self, kind: &[u8; 4], from: u32) -> &[u32] {
        let found = self.references.iter().find(|one| one.kind == *kind && one.from == from);
        found.map(|one| &one.to[..]).unwrap_or_default()
    }

    /// The items that refer to `to`.
    pub(super) fn referring(&self, kind: [u8; 4], to: u32) -> impl Iterator<Item = u32> {
        self.references.iter().filter(move |one| one.kind == kind && one.to.contains(&to)).map(|one| one.from)
    }

    /// The bytes of an item.
    pub(super) fn data(&self, item: u32) -> Result<Vec<u8>, Error> {
        let place = self.places.iter().find(|place| place.item == item);
        let place = place.ok_or_else(|| Format::Avif.corrupt("an item without a place"))?;
        let whole = match place.method {
            0 => self.file,
            1 => self.idat,
            _ => return Err(Format::unsupported_avif("that is put together of other items or files")),
        };
        let mut data = Vec::new();
        let mut fields = Fields(place.extents);
        while !fields.0.is_empty() {
            fields.number(place.sizes[0])?;
            let offset = fields.number(place.sizes[1])?.saturating_add(place.base);
            let length = fields.number(place.sizes[2])?;
            let offset = usize::try_from(offset).unwrap_or(usize::MAX);
            let rest = whole.get(offset..).ok_or_else(|| Format::Avif.truncated())?;
            let length = if length == 0 { rest.len() as u64 } else { length };
            let extent = usize::try_from(length).ok().and_then(|length| rest.get(..length));
            data.extend_from_slice(extent.ok_or_else(|| Format::Avif.truncated())?);
            // Extents that share their bytes would multiply the work.
            if data.len() > whole.len() {
                return Err(Format::Avif.corrupt("an item that is larger than the file"));
            }
        }
        Ok(data)
    }
}
