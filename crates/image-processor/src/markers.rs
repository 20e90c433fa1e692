//! What a file's container says beside the pixels: orientation, and what the decoder gets wrong.

use std::io::Read;

use flate2::read::ZlibDecoder;

/// Longest text that is inflated: XMP and EXIF have a few kB.
const MAX_TEXT_BYTES: u64 = 1 << 24;

/// What the markers of a JPEG say.
#[derive(Debug, Default)]
pub(crate) struct JpegMarkers {
    /// EXIF of all its segments together, as Pillow joins them.
    pub(crate) exif: Vec<u8>,
    /// The last XMP segment.
    pub(crate) xmp: Vec<u8>,
    /// `(horizontal, vertical)` sampling factors of the components.
    pub(crate) sampling: Vec<(u8, u8)>,
    /// Whether the file reaches its end marker.
    pub(crate) ends: bool,
}

impl JpegMarkers {
    /// Thumbnails in metadata have an end marker of their own, so segments are skipped by their
    /// length; in the coded data 0xff is always followed by 0 or a restart marker.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
        let mut markers = Self::default();
        let mut scanning = false;
        let mut at = 2;
        while let (Some(&first), Some(&marker)) = (bytes.get(at), bytes.get(at + 1)) {
            let segment = || {
                let length = bytes.get(at + 2..at + 4)?;
                let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
                Some((
                    length,
                    bytes.get(at + 4..at + 2 + length).unwrap_or_default(),
                ))
            };
            at += match (first, marker) {
                (0xff, 0xd9) => {
                    markers.ends = true;
                    return markers;
                }
                // Fill bytes, stuffed zeros, restart markers and others that stand alone.
                (0xff, 0xff) => 1,
                (0xff, 0x00 | 0x01 | 0xd0..=0xd8) => 2,
                (0xff, _) => {
                    let Some((length, data)) = segment() else {
                        return markers;
                    };
                    match marker {
                        // Metadata behind the first scan is not looked at, as in Pillow.
                        0xe1 if !scanning && data.starts_with(b"Exif\0\0") => {
                            let known = if markers.exif.is_empty() { 0 } else { 6 };
                            markers.exif.extend(&data[known..]);
                        }
                        0xe1 if !scanning && data.starts_with(XMP) => {
                            markers.xmp = data[XMP.len()..].to_vec();
                        }
                        // Frame headers; 0xc4, 0xc8 and 0xcc are other tables.
                        0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                            let components = data.get(6..).unwrap_or_default().chunks_exact(3);
                            let factors = components.map(|c| (c[1] >> 4, c[1] & 15));
                            markers.sampling = factors.collect();
                        }
                        0xda => scanning = true,
                        _ => {}
                    }
                    2 + length
                }
                _ => 1,
            };
        }
        markers
    }

    /// Whether a later component has more samples than the first.
    pub(crate) fn has_coarse_luma(&self) -> bool {
        let luma = self.sampling.first();
        luma.is_some_and(|luma| self.sampling.iter().any(|c| c.0 > luma.0 || c.1 > luma.1))
    }
}

/// Whether the picture in the first frame of an animated WebP has the size that the frame states. Behind a
/// channel of opacity the decoder (image-webp 0.2.4) does not look: it mixes up rows, or panics.
pub(crate) fn webp_frame_fits(bytes: &[u8]) -> bool {
    let mut chunks = riff_chunks(bytes.get(12..).unwrap_or_default());
    let Some((_, frame)) = chunks.find(|(name, _)| *name == b"ANMF") else {
        return true;
    };
    let mut parts = riff_chunks(frame.get(16..).unwrap_or_default());
    let (Some((b"ALPH", _)), Some((_, picture))) = (parts.next(), parts.next()) else {
        return true;
    };
    let Some(&[w0, w1, h0, h1]) = picture.get(6..10) else {
        return true;
    };
    let stated =
        [6, 9].map(|at| u32::from_le_bytes([frame[at], frame[at + 1], frame[at + 2], 0]) + 1);
    let found = [[w0, w1], [h0, h1]].map(|side| u32::from(u16::from_le_bytes(side) & 0x3fff));
    stated == found
}

/// Names and data of the chunks of a RIFF file.
fn riff_chunks(mut rest: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    std::iter::from_fn(move || {
        let (header, behind) = rest.split_at_checked(8)?;
        let length = u32::from_le_bytes([header[4], header[5], header[6], header[7]]) as usize;
        rest = behind.get(length + length % 2..).unwrap_or_default();
        Some((&header[..4], behind.get(..length).unwrap_or(behind)))
    })
}

/// EXIF and XMP of a PNG, wherever they stand in the file: Pillow reads it to the end.
///
/// Beside `eXIf` and `XML:com.adobe.xmp`, the text `Raw profile type exif` of ImageMagick is known.
pub(crate) fn png_metadata(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut exif, mut raw, mut xmp) = (None, None, None);
    let mut rest = bytes.get(8..).unwrap_or_default();
    while let Some((header, behind)) = rest.split_at_checked(8) {
        let length = u32::from_be_bytes([header[0], header[1], header[2], header[3]]);
        let Some((data, behind)) = behind.split_at_checked(length as usize) else {
            break;
        };
        let text = match &header[4..] {
            b"eXIf" => {
                exif = Some(data.to_vec());
                None
            }
            b"tEXt" => split_keyword(data).map(|(key, text)| (key, text.to_vec())),
            b"zTXt" => {
                split_keyword(data).and_then(|(key, text)| Some((key, inflate(text.get(1..)?)?)))
            }
            b"iTXt" => international(data),
            _ => None,
        };
        match text {
            Some((b"XML:com.adobe.xmp", text)) => xmp = Some(text),
            Some((b"Raw profile type exif", text)) => raw = Some(text),
            Some(_) | None => {}
        }
        // Behind the data stands a checksum.
        rest = behind.get(4..).unwrap_or_default();
    }
    let exif = exif.or_else(|| unhex(&raw?));
    (exif.unwrap_or_default(), xmp.unwrap_or_default())
}

/// Keyword and what stands behind its zero.
fn split_keyword(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = data.iter().position(|&byte| byte == 0)?;
    Some((&data[..end], &data[end + 1..]))
}

/// Keyword, compressed or not, method, language, translated keyword, text.
fn international(data: &[u8]) -> Option<(&[u8], Vec<u8>)> {
    let (key, rest) = split_keyword(data)?;
    let (flags, rest) = rest.split_at_checked(2)?;
    let (_language, rest) = split_keyword(rest)?;
    let (_translated, text) = split_keyword(rest)?;
    let text = match flags[0] {
        0 => text.to_vec(),
        _ => inflate(text)?,
    };
    Some((key, text))
}

fn inflate(data: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let mut decoder = ZlibDecoder::new(data).take(MAX_TEXT_BYTES);
    decoder.read_to_end(&mut text).ok()?;
    Some(text)
}

/// The bytes of ImageMagick's raw profile: three lines of heading, then hexadecimal digits.
fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let lines = text.split(|&byte| byte == b'\n').skip(3);
    let digits: Vec<u8> = lines
        .flatten()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|&byte| char::from(byte).to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    Some(
        digits
            .chunks_exact(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect(),
    )
}
