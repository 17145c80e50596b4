"""System of record: organisations, people, cases, consultations, waiting line, audit trail."""
