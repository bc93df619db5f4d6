//! The executor: carries out a checked plan, keeps the journal, reports, resumes.
