import type { InstanceSpec } from '../provider.ts'
import { reportEnvironment } from '../report-environment.ts'

// Not below /run: what is there is gone when the machine was shelved and comes back.
const home = '/etc/carrel'
export const guestPaths = {
  secret: `${home}/secret`,
  environment: `${home}/environment`,
  token: `${home}/report-token`,
  settings: `${home}/report.json`,
  report: `${home}/report`,
  unit: '/etc/systemd/system/carrel-session.service',
} as const

export interface GuestFile {
  readonly path: string
  readonly mode: '0400' | '0444' | '0555'
  readonly content: string
}

/** What the guest is given, as files of root's. */
export function guestFiles(spec: InstanceSpec): GuestFile[] {
  const { report, command } = spec
  return [
    { path: guestPaths.secret, mode: '0400', content: spec.secret },
    { path: guestPaths.environment, mode: '0400', content: environmentText(environmentOf(spec)) },
    ...(report === null
      ? []
      : [
          { path: guestPaths.token, mode: '0400' as const, content: report.token },
          {
            path: guestPaths.settings,
            mode: '0444' as const,
            content: JSON.stringify({
              url: report.url,
              tokenFile: guestPaths.token,
              ports: chosenPorts(spec.ports, report.ports),
            }),
          },
          { path: guestPaths.report, mode: '0555' as const, content: reporter },
        ]),
    ...(command === null ? [] : [{ path: guestPaths.unit, mode: '0444' as const, content: unitText(spec, command) }]),
  ]
}

function environmentOf({ environment, report }: InstanceSpec): Record<string, string> {
  return {
    ...environment,
    CARREL_SECRET_FILE: guestPaths.secret,
    ...(report === null ? {} : { ...reportEnvironment(report), CARREL_REPORT_TOKEN_FILE: guestPaths.token }),
  }
}

/** Where the ports are unless the template's own program chose: as they are, or counted from the beginning of the range. */
export function chosenPorts(
  ports: readonly number[],
  { from, to }: { readonly from: number; readonly to: number },
): Record<string, number> {
  const fit = ports.every((port) => port >= from && port <= to)
  return Object.fromEntries(ports.map((port, index) => [`${port}`, fit ? port : from + index]))
}

/** Lines that a shell and systemd read alike. */
const environmentText = (environment: Readonly<Record<string, string>>): string =>
  Object.entries(environment)
    .map(([name, value]) => `${name}=${quoted(value)}\n`)
    .join('')
const quoted = (value: string): string => `"${value.replaceAll(/[\\"$`]/g, '\\$&')}"`

/** A unit, so that the command runs again when the machine was shelved and comes back. */
function unitText({ user }: InstanceSpec, command: readonly string[]): string {
  const groups = user === null ? [] : [`User=${user.uid}`, `Group=${user.gid}`]
  const supplementary = user === null || user.gids.length === 0 ? [] : [`SupplementaryGroups=${user.gids.join(' ')}`]
  return [
    '[Unit]',
    'Description=The session of this machine',
    'After=network-online.target',
    'Wants=network-online.target',
    '[Service]',
    `EnvironmentFile=${guestPaths.environment}`,
    ...groups,
    ...supplementary,
    `ExecStart=${command.map(unitWord).join(' ')}`,
    'StandardOutput=journal+console',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ].join('\n')
}

/** One word of ExecStart: systemd's own signs stand for themselves. */
const unitWord = (word: string): string =>
  `"${word.replaceAll(/[\\"]/g, '\\$&').replaceAll('\n', '\\n').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`

/** Python, which cloud-init itself runs on. `report [port=chosen …] [--fingerprint HEX]`: one report names all ports. */
const reporter = `#!/usr/bin/env python3
import http.client, json, sys, time, urllib.error, urllib.request
with open('${guestPaths.settings}') as file:
    settings = json.load(file)
with open(settings['tokenFile']) as file:
    token = file.read().strip()
body = {'ports': dict(settings['ports'])}
words = sys.argv[1:]
while words:
    word = words.pop(0)
    if word == '--fingerprint':
        body['fingerprint'] = words.pop(0)
    else:
        port, chosen = word.split('=')
        body['ports'][port] = int(chosen)
headers = {'Authorization': 'Bearer ' + token, 'Content-Type': 'application/json'}
wait, until = 1, time.monotonic() + 900
while True:
    request = urllib.request.Request(settings['url'], json.dumps(body).encode(), headers, method='POST')
    try:
        with urllib.request.urlopen(request, timeout=20):
            sys.exit(0)
    except urllib.error.HTTPError as error:
        if 400 <= error.code < 500 and error.code not in (408, 429):
            sys.exit('the report was refused: %d' % error.code)
    except (OSError, http.client.HTTPException):
        pass
    if time.monotonic() > until:
        sys.exit('the report was not taken')
    time.sleep(wait)
    wait = min(2 * wait, 30)
`
