using FlowCut.Models.Families;
using FlowCut.Models.Pruning;

namespace FlowCut.Models.Generation;

/// <summary>The rotary positions of a prompt's rows, put together from front to back (spec/models.md, section 5.4; spec/flowcut.md, section 4).</summary>
/// <param name="rows">Of the prompt.</param>
/// <param name="axes">1; or 3: time, row and column, which are equal for text.</param>
/// <param name="policy">Where visual tokens stand; on three axes always where they would without pruning.</param>
internal sealed class PromptPositions(int rows, int axes, PositionPolicy policy)
{
    private int _row;

    /// <summary>[axes, rows].</summary>
    public int[] Values { get; } = new int[axes * rows];

    /// <summary>Of the token behind the prompt so far.</summary>
    public int Next { get; private set; }

    public void AddText(int count)
    {
        for (var i = 0; i < count; i++, _row++, Next++)
        {
            for (var axis = 0; axis < axes; axis++) Values[axis * rows + _row] = Next;
        }
    }

    public void Add(EncodedPicture picture)
    {
        var isGrid = axes == 3;
        var grid = picture.Grid ?? (Columns: 1, Rows: 1);
        for (var i = 0; i < picture.Tokens.Rows; i++, _row++)
        {
            var number = picture.Numbers[i];
            if (!isGrid)
            {
                Values[_row] = Next + (policy == PositionPolicy.Original ? number : i);
                continue;
            }

            Values[_row] = Next;
            Values[rows + _row] = Next + number / grid.Columns;
            Values[2 * rows + _row] = Next + number % grid.Columns;
        }

        // text goes on behind the largest position of the whole picture
        Next += isGrid ? Math.Max(grid.Columns, grid.Rows) : policy == PositionPolicy.Original ? picture.Unpruned : picture.Tokens.Rows;
    }
}
