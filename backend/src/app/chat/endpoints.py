"""HTTP for the chat and its conversations."""

from fastapi import APIRouter

router = APIRouter()
