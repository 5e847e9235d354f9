//! Names for people, the first of them.

/// Names, of which so many are kept and the others counted.
pub(super) struct Names {
    first: Vec<String>,
    most: usize,
    more: usize,
}

impl Names {
    pub(super) fn at_most(most: usize) -> Self {
        Self { first: Vec::new(), most, more: 0 }
    }

    pub(super) fn push(&mut self, name: String) {
        if self.first.len() < self.most {
            self.first.push(name);
        } else {
            self.count();
        }
    }

    /// One more, whose name nobody knows.
    pub(super) fn count(&mut self) {
        self.more += 1;
    }

    pub(super) fn list(mut self) -> Vec<String> {
        if self.more > 0 {
            self.first.push(format!("and {} more", self.more));
        }
        self.first
    }
}
