/**
 * How the notebook server of a session is set up: it listens where the session was told to, for whoever has the session's
 * secret, and shows the session's home. It asks nobody on the internet for news. Its kernels speak over sockets in the home
 * where the path is short enough for one (108 bytes), for on the machine's loopback any session could read what they print.
 */
export const jupyterConfig = `import os

from jupyter_core.paths import jupyter_runtime_dir

c = get_config()  # noqa: F821
load_subconfig("session_identity.py")  # noqa: F821
c.ServerApp.ip = os.environ.get("CARREL_ADDRESS", "127.0.0.1")
c.ServerApp.port = int(os.environ["PORT"])
c.ServerApp.port_retries = 0
c.ServerApp.base_url = os.environ.get("CARREL_BASE_URL", "/")
# Reached through a gateway, under a name that it cannot know; other origins stay refused.
c.ServerApp.allow_remote_access = True
c.ServerApp.open_browser = False
c.ServerApp.root_dir = os.environ["HOME"]
if len(jupyter_runtime_dir()) + len("/kernel-00000000-0000-0000-0000-000000000000-ipc-0") < 104:
    c.ConnectionFileMixin.transport = "ipc"
c.ServerApp.quit_button = False
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.news_url = None
`
