//! Messages in batches: as few calls as SQS's limits allow.

use super::body::LARGEST;

/// The most messages of one batch.
const MOST: usize = 10;

/// Cuts messages of these sizes into batches of at most [`MOST`] messages and [`LARGEST`] bytes, in their order, by position. Those that are too large for
/// any batch come second.
pub(super) fn batches(sizes: impl IntoIterator<Item = usize>) -> (Vec<Vec<usize>>, Vec<usize>) {
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut too_large = Vec::new();
    let mut bytes = 0;
    for (position, size) in sizes.into_iter().enumerate() {
        if size > LARGEST {
            too_large.push(position);
            continue;
        }
        match batches.last_mut() {
            Some(batch) if batch.len() < MOST && bytes + size <= LARGEST => {
                batch.push(position);
                bytes += size;
            }
            _ => {
                batches.push(vec![position]);
                bytes = size;
            }
        }
    }
    (batches, too_large)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_to_a_batch() {
        let (batches, too_large) = batches(vec![100; 25]);
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 5]);
        assert_eq!(batches.concat(), (0..25).collect::<Vec<_>>());
        assert!(too_large.is_empty());
        assert!(super::batches([]).0.is_empty());
    }

    #[test]
    fn a_mebibyte_to_a_batch() {
        let half = LARGEST / 2;
        let (batches, too_large) = batches([half, half, 1, LARGEST + 1, LARGEST, 1]);
        assert_eq!(batches, [vec![0, 1], vec![2], vec![4], vec![5]]);
        assert_eq!(too_large, [3]);
    }
}
