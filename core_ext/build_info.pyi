BUILD_ID: str
