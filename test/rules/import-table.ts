/** What a folder may import: the table of docs/architecture.md as data. Its own files and `domain/` are always allowed. */
export interface ImportRule {
  /** Folders whose files may be imported. */
  readonly folders: readonly string[]
  /** Folders of which only types may be imported. */
  readonly types?: readonly string[]
  /** Files (by the end of their name) that may be imported from folders that are else closed, or open for types only. */
  readonly files?: readonly { readonly folder: string; readonly ending: string }[]
  /** Packages, `node:*` and `@scope/*` included; `*` means every one. */
  readonly packages: readonly string[]
}

export const folders = [
  'domain',
  'workflows',
  'activities',
  'ports',
  'starter',
  'api',
  'gateway',
  'worker',
  'db',
  'platform',
  'stack',
  'cli',
  'test',
] as const
export type Folder = (typeof folders)[number]

const messages = { folder: 'workflows', ending: '.messages.ts' }

export const importTable: Readonly<Record<Exclude<Folder, 'test'>, ImportRule>> = {
  domain: { folders: [], packages: [] },
  workflows: { folders: [], types: ['activities'], packages: ['@temporalio/workflow', '@temporalio/common'] },
  activities: {
    folders: ['db', 'ports'],
    files: [messages],
    packages: ['@temporalio/activity', '@temporalio/common', 'node:*'],
  },
  ports: { folders: [], packages: ['*'] },
  db: { folders: [], files: [{ folder: 'platform', ending: '/config.ts' }], packages: ['kysely', 'pg', 'node:*'] },
  // The loop of every api and worker that hands intents to Temporal: between db and the engine, and nothing else.
  starter: { folders: ['db'], files: [messages], packages: ['@temporalio/client', '@temporalio/common'] },
  api: {
    folders: ['db', 'platform', 'starter', 'ports/identity'],
    types: ['workflows'],
    // What the settings of a provider may be has one home, beside the driver that takes them; nothing else of the drivers is open.
    files: [messages, { folder: 'ports', ending: '/compute/api-settings.ts' }],
    packages: [
      'hono',
      '@hono/*',
      'zod',
      '@temporalio/client',
      '@temporalio/common',
      'rate-limiter-flexible',
      'swagger-ui-dist',
      'node:*',
    ],
  },
  gateway: { folders: ['db', 'platform', 'ports/access', 'ports/storage'], packages: ['*'] },
  worker: { folders: ['workflows', 'activities', 'starter', 'ports', 'db', 'platform'], packages: ['*'] },
  platform: { folders: [], packages: ['*'] },
  // The schema of templates has one home, also for those that configuration brings.
  stack: {
    folders: ['platform', 'db', 'ports'],
    files: [{ folder: 'api', ending: '/templates/spec.ts' }],
    packages: ['*'],
  },
  cli: { folders: [], types: ['api'], packages: ['*'] },
}
