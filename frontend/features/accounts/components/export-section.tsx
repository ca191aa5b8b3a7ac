import { Download } from "lucide-react";
import { buttonStyle } from "@/components/ui/button";
import { SettingsSection } from "./settings-section";

/** Downloads of all tasks. */
export function ExportSection() {
  return (
    <SettingsSection title="Export" description="All tasks, including completed ones, with every field.">
      <div className="flex flex-wrap gap-2">
        {(["json", "csv"] as const).map((format) => (
          <a
            key={format}
            href={`/api/tasks/export?format=${format}`}
            download={`tasks.${format}`}
            className={buttonStyle()}
          >
            <Download aria-hidden="true" /> Download {format.toUpperCase()}
          </a>
        ))}
      </div>
    </SettingsSection>
  );
}
