"""Takes customers out of dockbook: all of them or an error, as CSV, JSON, JSON lines or a workbook."""
