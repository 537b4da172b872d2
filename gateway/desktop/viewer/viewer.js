import Guacamole from './guacamole-common.js'
import { createClipboard } from './clipboard.js'
import { createConnection } from './connection.js'
import { createFiles } from './files.js'
import { createInput } from './input.js'
import { createCurtain, createNotice, createPanel, createQuality, part } from './panels.js'
import { createScreen } from './screen.js'
import { createTunnel } from './tunnel.js'

const aboutPath = '/.carrel/desktop/about'

/** What the gateway says of this door. `null`: it has another page for us, which says why. Throws while it is away. */
async function askAbout() {
  const response = await fetch(aboutPath, { cache: 'no-store', redirect: 'manual' })
  if (response.status >= 500 || response.status === 429) throw new Error('away')
  const isAbout = response.ok && (response.headers.get('content-type') ?? '').startsWith('application/json')
  return isAbout ? response.json() : null
}

async function askAboutPatiently() {
  for (const delay of [300, 1_000, 3_000]) {
    try {
      return await askAbout()
    } catch {
      await new Promise((resolve) => setTimeout(resolve, delay))
    }
  }
  return askAbout()
}

function tunnelAddress({ width, height }, acknowledged) {
  const query = new URLSearchParams({
    width: String(width),
    height: String(height),
    dpi: '96',
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone ?? '',
  })
  if (acknowledged) query.set('recording', 'acknowledged')
  return `${location.origin.replace(/^http/, 'ws')}/.carrel/desktop/tunnel?${query}`
}

/** Runs the page. */
export async function main() {
  const curtain = createCurtain({
    curtain: part('curtain'),
    title: part('curtain-title'),
    text: part('curtain-text'),
    spinner: part('spinner'),
    action: part('curtain-action'),
    leave: part('curtain-leave'),
    behind: ['bar', 'stage', 'clipboard', 'files'].map(part),
  })
  const about = await askAboutPatiently().catch(() => undefined)
  if (about === undefined) {
    const again = { button: 'Try again', run: () => location.reload() }
    return curtain.draw('The gateway does not answer.', 'The desktop itself goes on running.', again)
  }
  if (about === null) return location.reload()

  const mayAct = about.mode === 'control'
  const notice = createNotice(part('notice'))
  const quality = createQuality(part('quality'))
  document.title = `${about.door} · Carrel`
  part('name').textContent = about.door
  part('badge').hidden = mayAct
  part('recorded').hidden = about.recordedForDays === null

  let client = null
  const screen = createScreen({
    stage: part('stage'),
    fitButton: part('fit-button'),
    fullscreenButton: part('fullscreen-button'),
    resized: ({ width, height }) => mayAct && client?.sendSize(width, height),
  })
  const keyboardButton = part('keyboard-button')
  const input = mayAct ? createInput({ stage: part('stage'), toolbar: part('bar'), keyboardButton }) : null
  const parts = input === null ? [] : [input, ...createExtras(about.can, notice, input)]

  const open = (ended) => {
    const tunnel = createTunnel(tunnelAddress(screen.size(), about.recordedForDays !== null))
    const mine = new Guacamole.Client(tunnel)
    client = mine
    mine.onsync = () => {
      mine.onsync = null
      // Until here the last picture stays, behind the curtain.
      screen.show(mine.getDisplay())
      connection.arrived()
      input?.focus()
    }
    tunnel.onlag = quality.measured
    tunnel.onended = (end) => {
      for (const each of parts) each.detach()
      quality.unknown()
      ended(end)
    }
    for (const each of parts) each.attach(mine)
    mine.connect('')
    return () => mine.disconnect()
  }
  const connection = createConnection({
    open,
    allowed: () =>
      askAbout().then(
        (found) => (found === null ? 'no' : 'yes'),
        () => 'unknown',
      ),
    told: (state) => tell(state, curtain, connection),
  })
  const leave = () => connection.leave()
  part('leave-button').addEventListener('click', leave)
  part('curtain-leave').addEventListener('click', leave)
  if (about.recordedForDays === null) return connection.begin()
  curtain.draw('This desktop is recorded', recordingWords(about.recordedForDays), {
    button: 'I understand: open it',
    run: () => connection.begin(),
    mayLeave: true,
  })
}

const recordingWords = (days) =>
  `What is seen on it is kept for ${days === 1 ? 'a day' : `${days} days`}, by a rule of its template. It is opened when you agree.`

function createExtras(can, notice, input) {
  const extras = []
  if (can.copy || can.paste) {
    part('clipboard-button').hidden = false
    createPanel(part('clipboard-button'), part('clipboard'), input.focus)
    const clipboard = createClipboard({
      panel: {
        text: part('clipboard-text'),
        hint: part('clipboard-hint'),
        send: part('clipboard-send'),
        read: part('clipboard-read'),
        write: part('clipboard-write'),
      },
      can,
      notice,
    })
    window.addEventListener('focus', () => void clipboard.cameBack())
    extras.push(clipboard)
  }
  if (can.upload || can.download) {
    part('files-button').hidden = false
    const panel = createPanel(part('files-button'), part('files'), input.focus)
    extras.push(
      createFiles({
        panel: {
          uploadRow: part('upload-row'),
          upload: part('upload'),
          folder: part('folder'),
          up: part('folder-up'),
          path: part('folder-path'),
          list: part('folder-list'),
          transfers: part('transfers'),
        },
        stage: part('stage'),
        can,
        notice,
        shown: panel.open,
      }),
    )
  }
  return extras
}

function tell(state, curtain, connection) {
  document.body.dataset.state = state.kind
  document.body.dataset.end = state.word ?? ''
  const again = { button: 'Open it again', run: () => connection.begin() }
  if (state.kind === 'open') return curtain.lift()
  // What the gateway has to say stands on its own page.
  if (state.kind === 'gone') return location.reload()
  if (state.kind === 'opening') {
    const title = state.tries === 0 ? 'Opening the desktop' : 'Opening the desktop again'
    return curtain.draw(title, 'One moment.', { busy: true, mayLeave: state.tries > 0 })
  }
  if (state.kind === 'waiting') {
    const soon = `${state.text} Trying again in ${Math.max(1, Math.round(state.delay / 1_000))} s.`
    return curtain.draw(state.title, soon, {
      busy: true,
      button: 'Try now',
      run: () => connection.begin(),
      mayLeave: true,
    })
  }
  return curtain.draw(
    state.title,
    state.text,
    state.retry === 'never' ? { button: state.go ?? 'Continue', run: () => location.reload() } : again,
  )
}
