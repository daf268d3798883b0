//! What must hold for every price, in catalogs that chance wrote and in the embedded one.
