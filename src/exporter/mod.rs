//! Exporters: each reads the queue and delivers to one destination.
