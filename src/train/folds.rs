//! Divides the examples into folds for the cross-validation.

use sha2::{Digest as _, Sha256};

use super::PictureHash;

/// Number of folds.
pub(crate) const FOLDS: usize = 5;

/// The fold of each picture, from 0 to [`FOLDS`] - 1, given its class and hash.
///
/// The folds are stratified: for each class, the numbers of pictures in the folds differ by at most one. The
/// division depends on the seed and on the content of the pictures, not on their order or names. Duplicates
/// could be in different folds; [`super::examples::distinct`] removes them.
pub(crate) fn folds(pictures: &[(usize, PictureHash)], seed: u64) -> Vec<usize> {
    let shuffled = |&(class, hash): &(usize, PictureHash)| {
        let key: PictureHash =
            Sha256::new().chain_update(seed.to_le_bytes()).chain_update(hash).finalize().into();
        (class, key)
    };
    let mut order: Vec<usize> = (0..pictures.len()).collect();
    order.sort_by_cached_key(|&index| shuffled(&pictures[index]));
    let mut folds = vec![0; pictures.len()];
    for (position, index) in order.into_iter().enumerate() {
        folds[index] = position % FOLDS;
    }
    folds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pictures() -> Vec<(usize, PictureHash)> {
        (0..57).map(|index: u8| (usize::from(index / 19), [index; 32])).collect()
    }

    #[test]
    fn each_fold_has_its_share_of_each_class() {
        let pictures = pictures();
        let folds = folds(&pictures, 0);
        for class in 0..3 {
            for fold in 0..FOLDS {
                let count =
                    pictures.iter().zip(&folds).filter(|&(one, of)| one.0 == class && *of == fold).count();
                assert!((3..=4).contains(&count), "class {class}, fold {fold}: {count}");
            }
        }
    }

    #[test]
    fn the_seed_and_the_pictures_decide_and_their_order_does_not() {
        let pictures = pictures();
        let given = folds(&pictures, 7);
        assert_eq!(folds(&pictures, 7), given);
        assert_ne!(folds(&pictures, 8), given);
        let reversed: Vec<_> = pictures.iter().rev().copied().collect();
        let back: Vec<usize> = folds(&reversed, 7).into_iter().rev().collect();
        assert_eq!(back, given);
    }
}
