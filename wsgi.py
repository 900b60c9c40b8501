"""The application, for a WSGI server."""

from app import create_app
from app.collector import calm_collector
from app.config import Settings
from app.logs import configure

calm_collector()
configure()
app = create_app(Settings.from_env())
