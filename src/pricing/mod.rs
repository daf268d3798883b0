//! What a call costs: the catalog, matching names in it, its rules, exact money, the receipt. Pure.
