"""Ubuntu's autopkgtest service: requests, results, and what they count for."""
