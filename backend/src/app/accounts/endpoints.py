"""HTTP for accounts."""

from fastapi import APIRouter

router = APIRouter()
