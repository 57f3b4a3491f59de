"""The service for agents, by the Model Context Protocol: the same calls as over HTTP, as tools. Needs the extra `mcp`."""
