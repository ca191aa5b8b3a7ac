import { Button } from "@/components/ui/button";
import type { Conflict } from "../conflicts";

type TaskConflictProps = {
  conflicts: readonly Conflict[];
  onKeepMine: () => void;
  onUseOther: () => void;
};

/** Shows both versions of what two people changed, and lets the person choose one. */
export function TaskConflict({ conflicts, onKeepMine, onUseOther }: TaskConflictProps) {
  return (
    <section role="alert" aria-label="Changed elsewhere" className="space-y-3">
      <p className="font-medium">This task was changed elsewhere while you edited it.</p>
      <dl className="max-h-60 space-y-3 overflow-y-auto text-small">
        {conflicts.map(({ label, mine, other }) => (
          <div key={label}>
            <dt className="font-medium">{label}</dt>
            <dd dir="auto" className="wrap-anywhere">
              <span className="text-text-2">Yours:</span> {mine}
            </dd>
            <dd dir="auto" className="wrap-anywhere">
              <span className="text-text-2">Other:</span> {other}
            </dd>
          </div>
        ))}
      </dl>
      <div className="flex flex-wrap justify-end gap-2">
        <Button onClick={onUseOther}>Use the other</Button>
        <Button variant="primary" onClick={onKeepMine}>
          Keep mine
        </Button>
      </div>
    </section>
  );
}
