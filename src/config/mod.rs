//! What was said in the config file, and what it means.
