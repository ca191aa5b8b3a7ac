"""HTTP for tasks."""

from fastapi import APIRouter

router = APIRouter()
