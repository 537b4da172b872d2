import type { InstanceSpec } from '../provider.ts'
import { guestFiles, guestPaths } from './guest.ts'

/** What Nova takes, in base 64. */
const longest = 65_535

/**
 * What cloud-init reads: files with the session's secret and how it reports, the template's own words, and what begins its command.
 * In base 64, as Nova wants it; `null`: it is longer than Nova takes.
 */
export function userDataOf(spec: InstanceSpec): string | null {
  const text = Buffer.from(multipart(partsOf(spec))).toString('base64')
  return text.length > longest ? null : text
}

interface Part {
  readonly type: string
  readonly name: string
  readonly content: string
}

/**
 * The session's files come after the template's words, which may replace what was before them. What begins its command is run last:
 * cloud-init runs scripts in the order of their names, and what a `runcmd` says as the script `runcmd`.
 */
export function partsOf(spec: InstanceSpec): Part[] {
  const own = spec.terms.openstack?.userData ?? ''
  const after = [
    ...(spec.command === null ? [] : ['systemctl daemon-reload', 'systemctl enable --now carrel-session.service']),
    // A template that says nothing of it is reported when all else was begun.
    ...(spec.report === null || own.includes('{report}') ? [] : [guestPaths.report]),
  ]
  const template = own.replaceAll('{report}', guestPaths.report)
  return [
    // cloud-init knows of what kind it is by its first line.
    ...(own === '' ? [] : [{ type: 'text/plain', name: '50-template', content: template }]),
    { type: 'text/cloud-config', name: 'files.cfg', content: filesConfig(spec) },
    { type: 'text/x-shellscript', name: '10-own.sh', content: owners(spec) },
    ...(after.length === 0 ? [] : [{ type: 'text/x-shellscript', name: 'zz-begin.sh', content: script(after) }]),
  ]
}

/** JSON is YAML, and needs no thought about what is in it. */
const filesConfig = (spec: InstanceSpec): string => {
  const files = guestFiles(spec).map(({ path, mode, content }) => ({
    path,
    permissions: mode,
    owner: 'root:root',
    encoding: 'b64',
    content: Buffer.from(content).toString('base64'),
  }))
  const merging = [
    { name: 'list', settings: ['append'] },
    { name: 'dict', settings: ['recurse_list', 'no_replace'] },
  ]
  return `#cloud-config\n${JSON.stringify({ merge_how: merging, write_files: files })}\n`
}

/** By number: the user may come into being later than the files. */
function owners({ user, report }: InstanceSpec): string {
  const files = [guestPaths.secret, guestPaths.environment, ...(report === null ? [] : [guestPaths.token])]
  return script(user === null ? [] : [`chown ${user.uid}:${user.gid} ${files.join(' ')}`])
}

const script = (lines: readonly string[]): string => ['#!/bin/sh', 'set -e', ...lines, ''].join('\n')

const boundary = '==carrel-parts=='

function multipart(parts: readonly Part[]): string {
  const lines = parts.flatMap(({ type, name, content }) => [
    `--${boundary}`,
    `Content-Type: ${type}; charset="utf-8"`,
    'MIME-Version: 1.0',
    'Content-Transfer-Encoding: base64',
    `Content-Disposition: attachment; filename="${name}"`,
    '',
    ...(Buffer.from(content)
      .toString('base64')
      .match(/.{1,76}/g) ?? []),
  ])
  const head = [`Content-Type: multipart/mixed; boundary="${boundary}"`, 'MIME-Version: 1.0', '']
  return [...head, ...lines, `--${boundary}--`, ''].join('\n')
}
