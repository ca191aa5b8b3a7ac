import { classNames } from "@/components/ui/class-names";

export type Point = { label: string; value: number };

type BarPlotProps = {
  title: string;
  /** The heading of the labels in the table. */
  column: string;
  points: Point[];
  tone?: "accent" | "danger";
};

const HEIGHT = 88;
const STEP = 20;

/** Bars for people who see them, and the same figures as a table for everybody. */
export function BarPlot({ title, column, points, tone = "accent" }: BarPlotProps) {
  const most = Math.max(1, ...points.map(({ value }) => value));
  const middle = points[Math.floor(points.length / 2)];
  return (
    <section aria-label={title} className="mt-8">
      <h2 className="mb-2 font-semibold">{title}</h2>
      <div className="flex gap-2" aria-hidden="true">
        <svg
          viewBox={`0 0 ${points.length * STEP} ${HEIGHT}`}
          preserveAspectRatio="none"
          className={classNames(
            "h-24 min-w-0 grow border-b border-line",
            tone === "danger" ? "text-danger" : "text-accent",
          )}
        >
          {points.map(({ label, value }, index) => (
            <rect
              key={label}
              x={index * STEP + 3}
              y={HEIGHT - (value / most) * HEIGHT}
              width={STEP - 6}
              height={(value / most) * HEIGHT}
              fill="currentColor"
            >
              <title>{`${label}: ${value}`}</title>
            </rect>
          ))}
        </svg>
        <div className="flex w-6 flex-col justify-between text-right text-small text-text-2 tabular-nums">
          <span>{most}</span>
          <span>0</span>
        </div>
      </div>
      <div className="mt-1 flex justify-between pr-8 text-small text-text-2" aria-hidden="true">
        <span>{points[0]?.label}</span>
        <span className="max-sm:hidden">{middle?.label}</span>
        <span>{points.at(-1)?.label}</span>
      </div>
      <details className="mt-1 text-small">
        <summary className="w-fit cursor-pointer text-text-2">Show the figures</summary>
        <table className="mt-2 w-full max-w-60">
          <caption className="sr-only">{title}</caption>
          <thead className="text-left text-text-2">
            <tr>
              <th scope="col" className="font-normal">
                {column}
              </th>
              <th scope="col" className="text-right font-normal">
                Tasks
              </th>
            </tr>
          </thead>
          <tbody>
            {points.map(({ label, value }) => (
              <tr key={label} className="border-t border-line">
                <th scope="row" className="py-1 text-left font-normal">
                  {label}
                </th>
                <td className="text-right tabular-nums">{value}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </section>
  );
}
