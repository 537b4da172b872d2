"""How JupyterLab runs in a session: on every address of the container, whose port is published privately."""

import os

c = get_config()  # noqa: F821 - given by Jupyter

load_subconfig("session_identity.py")  # noqa: F821 - given by Jupyter
c.ServerApp.ip = "0.0.0.0"
c.ServerApp.port = 8888
c.ServerApp.port_retries = 0
c.ServerApp.base_url = os.environ.get("CARREL_BASE_URL", "/")
# Reached under names that it cannot know; other origins stay refused.
c.ServerApp.allow_remote_access = True
c.ServerApp.root_dir = os.environ["HOME"]
c.ServerApp.open_browser = False
c.ServerApp.quit_button = False
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
