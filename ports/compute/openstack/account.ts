import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { CloudsFault, cloudOf } from './clouds.ts'
import type { Cloud } from './clouds.ts'
import type { OpenstackSettings } from './settings.ts'

/**
 * The cloud that the settings name, with its credentials as the files say them now: a credential that was exchanged is found at the
 * next sign-in. What the settings themselves say goes before the file. Throws `CloudsFault`.
 */
export function readCloud(settings: OpenstackSettings): Cloud {
  const cloud =
    settings.cloudsFile === undefined ? fromSettings(settings) : fromFile(settings.cloudsFile, settings.cloud)
  return {
    ...cloud,
    regionName: settings.regionName ?? cloud.regionName,
    interface: settings.interface ?? cloud.interface,
    endpoints: { ...cloud.endpoints, ...given(settings.endpoints) },
  }
}

/** The authorities that are trusted; `undefined`: those of the system. Throws `CloudsFault`. */
export function readAuthorities(settings: OpenstackSettings, { caFile }: Cloud): string | undefined {
  if (settings.ca !== undefined || caFile === null) return settings.ca
  const path = caFile.startsWith('~/') ? join(homedir(), caFile.slice(2)) : caFile
  if (!isAbsolute(path)) throw new CloudsFault('cacert must be an absolute path')
  return read(path, 'cacert')
}

/** Zod's `partial` allows `undefined` as a value. */
function given(endpoints: OpenstackSettings['endpoints']): Cloud['endpoints'] {
  return Object.fromEntries(Object.entries(endpoints).filter(([, url]) => url !== undefined))
}

function fromFile(path: string, name = ''): Cloud {
  const secure = join(dirname(path), 'secure.yaml')
  return cloudOf(read(path, 'cloudsFile'), name, existsSync(secure) ? read(secure, 'secure.yaml') : null)
}

function fromSettings(settings: OpenstackSettings): Cloud {
  const { authUrl = '', applicationCredentialId: id = '', applicationCredentialSecretFile: file } = settings
  const secret = settings.applicationCredentialSecret ?? read(file ?? '', 'applicationCredentialSecretFile').trim()
  return {
    authUrl,
    credentials: { kind: 'application_credential', id, secret },
    regionName: null,
    interface: 'public',
    verify: true,
    caFile: null,
    endpoints: {},
  }
}

function read(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    throw new CloudsFault(`${what} cannot be read`)
  }
}
