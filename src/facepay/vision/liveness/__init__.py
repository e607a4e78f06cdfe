"""Is it a person, or a picture of one? Presentation attack detection (ISO/IEC 30107-3) on what the pixels show."""
