import type { TemplateSpec } from '../domain/template.ts'
import { builtIn } from './built-in.ts'

export const desktopImage = { tag: 'carrel-desktop:1', context: 'images/desktop' } as const
export const guacdImage = { tag: 'carrel-guacd:1', context: 'images/guacd' } as const

const port = 5901

/** The built-in desktop: a display of its own, watched by whomever its owner lets in. */
export const desktopTemplate: { readonly name: string; readonly spec: TemplateSpec } = {
  name: 'desktop',
  spec: {
    ...builtIn,
    title: 'Desktop',
    description: 'A desktop of your own, with a terminal and files, whose home goes away with the session.',
    provider: { kind: 'docker' },
    image: desktopImage.tag,
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
    sharing: 'members',
  },
}
