//! Objects, large ones, and signed requests.

use filas_domain::keys::ObjectKey;
use filas_domain::limits::PRESIGNED_FOR;
use filas_domain::plan::ByteRange;
use filas_domain::ports::{Downloaded, ObjectReader, ObjectSigner, ObjectStream as _, ObjectWriter};

use super::{assert_permanent, samples};

/// A bucket, whole.
///
/// # Panics
/// Where it does not do what the ports say.
pub async fn objects(objects: &(impl ObjectReader + ObjectWriter + ObjectSigner)) {
    an_object_reads_back(objects).await;
    a_range_is_exactly_what_was_asked_for(objects).await;
    what_is_not_there_is_told(objects).await;
    an_object_can_be_downloaded(objects).await;
    for pieces in [&[][..], &[3], &[3, 0, 500], &[7_000_000, 7_000_001], &[21_000_001, 5, 999_999]] {
        an_object_is_written_in_pieces(objects, pieces).await;
    }
    what_is_abandoned_is_not_there(objects).await;
    requests_are_signed_for_one_object(objects).await;
}

fn key() -> ObjectKey {
    ObjectKey::rows(samples::task().id)
}

/// Bytes that do not repeat where the parts of an upload begin.
fn content(len: usize) -> Vec<u8> {
    (0_u32..).flat_map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()).take(len).collect()
}

async fn an_object_reads_back(objects: &(impl ObjectReader + ObjectWriter)) {
    let key = key();
    for bytes in [b"first".to_vec(), Vec::new(), b"in its place".to_vec()] {
        objects.put(&key, "text/plain", bytes.clone()).await.unwrap();
        assert_eq!(objects.get(&key, None).await.unwrap(), bytes);
        assert_eq!(objects.size(&key).await.unwrap(), Some(bytes.len() as u64));
    }
}

async fn a_range_is_exactly_what_was_asked_for(objects: &(impl ObjectReader + ObjectWriter)) {
    let key = key();
    objects.put(&key, "text/plain", b"0123456789".to_vec()).await.unwrap();
    for (start, end, expected) in [(0, 10, "0123456789"), (0, 1, "0"), (9, 10, "9"), (3, 6, "345"), (4, 4, "")] {
        let range = Some(ByteRange { start, end });
        assert_eq!(objects.get(&key, range).await.unwrap(), expected.as_bytes(), "{start}..{end}");
    }
    for (start, end) in [(0, 11), (9, 12), (10, 11), (50, 60)] {
        assert_permanent(objects.get(&key, Some(ByteRange { start, end })).await, "a range past the end");
    }
}

async fn what_is_not_there_is_told(objects: &impl ObjectReader) {
    let key = key();
    assert_eq!(objects.size(&key).await.unwrap(), None);
    assert_permanent(objects.get(&key, None).await, "an object that is not there");
    assert_permanent(objects.get(&key, Some(ByteRange { start: 0, end: 1 })).await, "a range of nothing");
    let folder = tempfile::tempdir().unwrap();
    assert_permanent(objects.download(&key, &folder.path().join("nothing")).await, "a download of nothing");
}

async fn an_object_can_be_downloaded(objects: &(impl ObjectReader + ObjectWriter)) {
    let folder = tempfile::tempdir().unwrap();
    let (key, path) = (key(), folder.path().join("file"));
    for (len, trace) in [(3_000_000, None), (0, Some(samples::trace())), (17, Some(samples::trace())), (18, None)] {
        match trace {
            Some(trace) => objects.put_traced(&key, "text/plain", trace, content(len)).await.unwrap(),
            None => objects.put(&key, "text/plain", content(len)).await.unwrap(),
        }
        let downloaded = Downloaded { bytes: len as u64, trace };
        assert_eq!(objects.download(&key, &path).await.unwrap(), downloaded);
        assert!(std::fs::read(&path).unwrap() == content(len), "a download of {len} bytes");
    }
}

async fn an_object_is_written_in_pieces(objects: &(impl ObjectReader + ObjectWriter), pieces: &[usize]) {
    let key = key();
    let whole = content(pieces.iter().sum());
    let mut stream = objects.create(&key, "application/x-ndjson").await.unwrap();
    let mut rest = whole.as_slice();
    for piece in pieces {
        let (now, later) = rest.split_at(*piece);
        stream.append(now.to_vec()).await.unwrap();
        rest = later;
    }
    assert_eq!(objects.size(&key).await.unwrap(), None, "{pieces:?}: there before it was completed");
    stream.complete().await.unwrap();
    assert_eq!(objects.size(&key).await.unwrap(), Some(whole.len() as u64));
    // Not assert_eq: nobody wants to read 20 MB of differences.
    assert!(objects.get(&key, None).await.unwrap() == whole, "{pieces:?}");
    let part = 8 * 1024 * 1024;
    if whole.len() > part + 10 {
        let range = ByteRange { start: part as u64 - 10, end: part as u64 + 10 };
        assert_eq!(objects.get(&key, Some(range)).await.unwrap(), whole[part - 10..part + 10]);
    }
}

async fn what_is_abandoned_is_not_there(objects: &(impl ObjectReader + ObjectWriter)) {
    for len in [0, 5, 17_000_000] {
        let key = key();
        let mut stream = objects.create(&key, "text/plain").await.unwrap();
        stream.append(content(len)).await.unwrap();
        stream.abandon().await.unwrap();
        assert_eq!(objects.size(&key).await.unwrap(), None);
    }
}

async fn requests_are_signed_for_one_object(objects: &impl ObjectSigner) {
    let key = key();
    let trace = samples::trace();
    let put = objects.sign_put(&key, 1234, trace, samples::NOW).await.unwrap();
    assert_eq!((put.method.as_str(), put.expires), ("PUT", samples::NOW.plus(PRESIGNED_FOR)));
    assert!(put.url.contains(key.as_str()), "{}", put.url);
    assert!(put.headers.contains(&("content-length".to_owned(), "1234".to_owned())), "{:?}", put.headers);
    assert!(put.headers.contains(&("x-amz-meta-traceparent".to_owned(), trace.to_string())), "{:?}", put.headers);
    let get = objects.sign_get(&key, "a file.ndjson", samples::NOW).await.unwrap();
    assert_eq!((get.method.as_str(), get.expires), ("GET", samples::NOW.plus(PRESIGNED_FOR)));
    assert!(get.url.contains(key.as_str()), "{}", get.url);
    assert_eq!(get.headers, []);
}
