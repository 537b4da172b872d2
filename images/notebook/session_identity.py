"""Lets in whoever brings the session's secret, and shows it to nobody.

JupyterLab writes its own token into every page, for its scripts to send. Here the secret is added on the way, where no page
sees it; so Jupyter's token stays empty, and the secret is compared here.
"""

import hmac
import os
from pathlib import Path

from jupyter_server.auth.identity import IdentityProvider, User
from traitlets import default

secret = Path(os.environ["CARREL_SECRET_FILE"]).read_text().strip().encode()
if not secret:
    raise ValueError("The session has no secret: anybody could come in.")


class SessionIdentityProvider(IdentityProvider):
    """One user, known by the secret in `Authorization: token ...` or in `?token=`."""

    @default("token")
    def _token_default(self):
        return ""

    async def get_user_token(self, handler):
        given = self.get_token(handler) or ""
        if not hmac.compare_digest(given.encode(), secret):
            return None
        return User("researcher", "Researcher", "Researcher", "R")


c = get_config()  # noqa: F821 - given by Jupyter
c.ServerApp.identity_provider_class = SessionIdentityProvider
