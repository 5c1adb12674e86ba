"""The service over HTTP. This folder alone imports FastAPI, Starlette and uvicorn."""
