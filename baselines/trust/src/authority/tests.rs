//! Rules of one fleet document.
