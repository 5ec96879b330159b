## /models

models-page = -# page { $page } of { $pages }
models-heading = ### { $kind }
models-models = Models
models-loras = LoRAs
models-embeddings = Embeddings
models-vaes = VAEs
models-titled = **{ $title }** · { $name }
models-named = **{ $name }**
models-facts = -# { $facts }
models-licence = licence { $licence }
models-words = trigger words: { $words }
models-age-restricted = in age-restricted channels only
models-faulty = cannot be used; the bot's log says why
models-misfit = does not fit { $model }
models-unusable = cannot be used: its file { $reason }
size-kb = { $size } kB
size-mb = { $size } MB
size-gb = { $size } GB
