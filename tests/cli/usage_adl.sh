$ADL --help
