mod asking;
mod files;
mod round_trip;
mod trouble;
mod world;
