import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { eventually } from './people.ts'
import type { Admin } from './people.ts'

/** The files that are used beside `docker-compose.yaml`, as a site with people of its own has them. */
export const besides = ['people', 'catalogues', 'mail'].map((part) => `docker-compose.${part}.yaml`)

const project = 'Proposal of the trial'

/**
 * Writes down what a site says of its people: an issuer with a secret in a file, a list of POSIX users, a catalogue in a file. Nobody is
 * asked over the network. Returns the variables of `.env`.
 */
export async function writeFacility(directory: string): Promise<Record<string, string>> {
  const [people, catalogues] = [join(directory, 'people'), join(directory, 'catalogues')]
  const issuer = 'https://sso.test'
  const issuers = [
    {
      id: 'trial',
      name: 'Trial',
      issuer,
      clientId: 'carrel',
      clientSecretFile: '/run/secrets/client',
      login: { claim: 'login', authoritative: true },
    },
  ]
  const files = [
    [people, 'issuers.json', JSON.stringify(issuers)],
    [people, 'client', 'a secret of the trial\n'],
    [people, 'posix.csv', 'login,user,uid,gid,gids\nada,ada,1815,1815,2000\n'],
    [catalogues, 'members.csv', `login,role,project,title\nada,owner,${project},${project}\n`],
  ] as const
  for (const place of [people, catalogues]) await mkdir(place, { mode: 0o755 })
  for (const [place, name, text] of files) await writeFile(join(place, name), text, { mode: 0o444 })
  const list = [{ id: 'list', kind: 'csv', issuers: [issuer], file: '/run/secrets/members.csv' }]
  return {
    CARREL_API_FILES: people,
    CARREL_ISSUERS_FILE: '/run/secrets/issuers.json',
    CARREL_RETURN_URLS: 'https://portal.test/signed-in',
    CARREL_POSIX_CSV_FILE: '/run/secrets/posix.csv',
    CARREL_CATALOGUE_FILES: catalogues,
    CARREL_CATALOGUES: JSON.stringify(list),
    CARREL_SMTP_URL: 'smtp://mail.test',
    CARREL_MAIL_FROM: 'Carrel <carrel@facility.test>',
  }
}

/** What was written down has come to whom it is for. Breaches in words. */
export async function tryFacility(admin: Admin): Promise<string[]> {
  const breaches: string[] = []
  const methods = JSON.stringify(await admin.ask('GET', '/v1/sign-in-methods'))
  if (!methods.includes('"trial"')) breaches.push(`the issuer is no way to sign in: ${methods}`)
  const asked = { source: 'list', dryRun: false, reason: 'a trial' }
  const { id } = await admin.ask('POST', '/v1/admin/catalogue-syncs', asked, { 'idempotency-key': crypto.randomUUID() })
  let seen = ''
  const isRead = async () => {
    const { endedAt, outcome, report } = await admin.ask('GET', `/v1/admin/catalogue-syncs/${String(id)}`)
    seen = JSON.stringify({ outcome, report })
    return endedAt !== null
  }
  await eventually('the catalogue is read', isRead, 120_000)
  if (!seen.includes('"addProject":1')) breaches.push(`the catalogue brought nothing in: ${seen}`)
  return breaches
}
