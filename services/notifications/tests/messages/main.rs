//! The service as its callers, the bus and the mail server see it, between a registration and a profiles that say what a test wants.

mod bed;
mod faults;
mod mail_server;
mod plans;
mod reports;
mod rpc;
mod world;
