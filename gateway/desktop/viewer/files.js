import Guacamole from './guacamole-common.js'

const indexType = 'application/vnd.glyptodon.guacamole.stream-index+json'

/** Files to the desktop and from it, as far as its template allows. */
export function createFiles({ panel, stage, can, notice, shown }) {
  let client = null
  let folder = null
  let path = '/'

  const line = (name) => {
    const item = document.createElement('li')
    const state = document.createElement('span')
    item.append(name, state)
    panel.transfers.prepend(item)
    return (words) => (state.textContent = words)
  }

  const upload = (file) => {
    if (client === null) return notice('The desktop is not open.')
    const say = line(file.name)
    const type = file.type === '' ? 'application/octet-stream' : file.type
    const target = path === '/' ? file.name : `${path}/${file.name}`
    const stream =
      folder === null
        ? client.createFileStream(type, file.name)
        : folder.createOutputStream(type, `/${target.replace(/^\/+/, '')}`)
    const writer = new Guacamole.BlobWriter(stream)
    writer.onprogress = (_blob, offset) => say(`${Math.floor((100 * offset) / Math.max(file.size, 1))} %`)
    writer.onerror = () => say('refused')
    writer.oncomplete = () => {
      writer.sendEnd()
      say('sent')
      if (folder !== null) list(path)
    }
    writer.sendBlob(file)
  }
  const save = (stream, type, name) => {
    const say = line(name)
    const reader = new Guacamole.BlobReader(stream, type)
    reader.onprogress = () => say(`${Math.round(reader.getLength() / 1024)} KiB`)
    reader.onend = () => {
      say('received')
      const link = document.createElement('a')
      link.href = URL.createObjectURL(reader.getBlob())
      link.download = name
      link.click()
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
    }
    stream.sendAck('OK', Guacamole.Status.Code.SUCCESS)
  }
  const list = (where) => {
    if (!can.download) return
    folder.requestInputStream(where, (stream, type) => {
      if (type !== indexType) return stream.sendAck('UNSUPPORTED', Guacamole.Status.Code.UNSUPPORTED)
      const reader = new Guacamole.JSONReader(stream)
      reader.onend = () => draw(where, reader.getJSON() ?? {})
      stream.sendAck('OK', Guacamole.Status.Code.SUCCESS)
    })
  }
  const draw = (where, entries) => {
    path = where
    panel.folder.hidden = false
    panel.path.value = where
    panel.list.replaceChildren(
      ...Object.entries(entries).map(([full, type]) => {
        const isFolder = type === indexType
        const name = full.split('/').filter(Boolean).at(-1) ?? full
        const button = document.createElement('button')
        button.type = 'button'
        button.textContent = isFolder ? `${name}/` : name
        button.addEventListener('click', () =>
          isFolder ? list(full) : folder.requestInputStream(full, (stream, kind) => save(stream, kind, name)),
        )
        const item = document.createElement('li')
        item.append(button)
        return item
      }),
    )
  }

  panel.uploadRow.hidden = !can.upload
  panel.upload.addEventListener('change', () => {
    for (const file of panel.upload.files) upload(file)
    panel.upload.value = ''
  })
  panel.up.addEventListener('click', () => list(path.split('/').slice(0, -1).join('/') || '/'))
  stage.addEventListener('dragover', (event) => event.preventDefault())
  stage.addEventListener('drop', (event) => {
    event.preventDefault()
    if (!can.upload) return notice('Files cannot be brought to this desktop.')
    for (const file of event.dataTransfer.files) upload(file)
    shown()
  })

  return {
    attach(next) {
      client = next
      next.onfile = (stream, type, name) => {
        save(stream, type, name)
        shown()
      }
      next.onfilesystem = (object) => {
        folder = object
        object.onundefine = () => {
          folder = null
          panel.folder.hidden = true
        }
        list('/')
      }
    },
    detach() {
      client = null
      folder = null
      panel.folder.hidden = true
    },
  }
}
