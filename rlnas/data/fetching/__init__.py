"""Getting data onto this computer: where they lie, how they are downloaded."""
