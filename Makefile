# What `sam build` runs for each function: all are built by one cargo call, and each is copied from there.
# Amazon's processor is arm64 unless ARCHITECTURE says x86_64, as it is in template.yaml.
ARCHITECTURE ?= arm64

build-%:
	cargo xtask build --architecture $(ARCHITECTURE)
	cp .filas/functions/$$(echo $* | sed 's/\([a-z]\)\([A-Z]\)/\1-\2/g' | tr A-Z a-z)/bootstrap "$(ARTIFACTS_DIR)/bootstrap"
