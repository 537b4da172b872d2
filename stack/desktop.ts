import type { TemplateSpec } from '../domain/template.ts'

export const desktopImage = { tag: 'carrel-desktop:1', context: 'images/desktop' } as const
export const guacdImage = { tag: 'carrel-guacd:1', context: 'images/guacd' } as const

const port = 5901

/** The built-in desktop: a display of its own, watched by whomever its owner lets in. */
export const desktopTemplate: { readonly name: string; readonly spec: TemplateSpec } = {
  name: 'desktop',
  spec: {
    title: 'Desktop',
    description: 'A desktop of your own, with a terminal and files, whose home goes away with the session.',
    provider: { kind: 'docker' },
    image: desktopImage.tag,
    command: null,
    environment: {},
    user: null,
    capabilities: [],
    sizes: {
      small: { cpuMilli: 1_000, memoryMib: 1_024, diskMib: 2_048, gpus: 0 },
      large: { cpuMilli: 2_000, memoryMib: 4_096, diskMib: 8_192, gpus: 0 },
    },
    defaultSize: 'small',
    parameters: {},
    doors: {
      desktop: {
        protocol: 'vnc',
        port,
        modes: ['control', 'view'],
        clipboard: { copy: true, paste: true },
        files: { upload: false, download: false },
      },
    },
    readiness: { kind: 'tcp', port },
    mounts: [],
    egress: 'internet',
    startLimitSeconds: 120,
    queueLimitSeconds: 3_600,
    lifetimeSeconds: 8 * 3_600,
    idleTimeoutSeconds: null,
    visibleTo: [{ kind: 'everyone' }],
    sharing: 'members',
  },
}
