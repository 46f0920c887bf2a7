"""What keeps words private: the key ring, sealing under it, and erasing."""
